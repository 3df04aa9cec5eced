//! chit-pricebook
