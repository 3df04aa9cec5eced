//! Price books.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "price_book")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub id: String,
    pub unit: String,
    pub description: String,
    pub created_at: i64,
    pub revision: i64,
}

impl ActiveModelBehavior for ActiveModel {}
