//! chit-metering
