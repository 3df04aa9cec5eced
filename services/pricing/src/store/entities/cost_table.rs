//! What providers charge.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cost_table")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    pub currency: String,
    pub effective_at: i64,
    pub created_at: i64,
    pub models: String,
    pub model_count: i64,
    pub revision: i64,
}

impl ActiveModelBehavior for ActiveModel {}
