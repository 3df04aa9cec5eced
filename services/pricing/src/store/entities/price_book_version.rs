//! Versions: drafts and published ones.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "price_book_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub price_book: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub id: String,
    pub unit: String,
    pub state: String,
    pub description: String,
    pub rules: String,
    pub rule_count: i64,
    pub draft_revision: i64,
    pub created_at: i64,
    pub effective_at: Option<i64>,
    pub published_at: Option<i64>,
    pub revision: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
