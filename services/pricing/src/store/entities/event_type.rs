//! Event types.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_type")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub display_name: String,
    pub description: String,
    pub quantity_unit: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub revision: i64,
}

impl ActiveModelBehavior for ActiveModel {}
