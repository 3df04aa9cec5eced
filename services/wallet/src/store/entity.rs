//! The tables as SeaORM sees them: those that ordinary queries read and write. The ledger's own rows are read through
//! `row`, which both engines' hot statements share.

/// Tenants' settings.
pub mod settings {
    use sea_orm::entity::prelude::*;

    /// A tenant's settings.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "settings")]
    pub struct Model {
        /// Whose.
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        /// Rises by one with each change.
        pub version: i64,
        /// All of them.
        pub json: String,
    }

    /// Refers to nothing.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What is due in a wallet, and when.
pub mod wallet_due {
    use sea_orm::entity::prelude::*;

    /// When something is due in a wallet.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "wallet_due")]
    pub struct Model {
        /// The wallet's shard.
        #[sea_orm(primary_key, auto_increment = false)]
        pub shard: i16,
        /// The wallet.
        #[sea_orm(primary_key, auto_increment = false)]
        pub wallet_id: Uuid,
        /// When.
        pub due_at: i64,
    }

    /// Refers to nothing.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What the sequencer has still to do.
pub mod feed_pending {
    use sea_orm::entity::prelude::*;

    /// What a batch did in a shard.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "feed_pending")]
    pub struct Model {
        /// The shard.
        #[sea_orm(primary_key, auto_increment = false)]
        pub shard: i16,
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub pending_id: Uuid,
        /// When.
        pub at: i64,
        /// What.
        pub entries: String,
    }

    /// Refers to nothing.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The feed.
pub mod feed {
    use sea_orm::entity::prelude::*;

    /// What happened.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "feed")]
    pub struct Model {
        /// The shard.
        #[sea_orm(primary_key, auto_increment = false)]
        pub shard: i16,
        /// 1, 2, 3 … within it.
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        /// When.
        pub at: i64,
        /// What.
        pub entries: String,
    }

    /// Refers to nothing.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How far the feed has come.
pub mod feed_heads {
    use sea_orm::entity::prelude::*;

    /// A shard's last position.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "feed_heads")]
    pub struct Model {
        /// The shard.
        #[sea_orm(primary_key, auto_increment = false)]
        pub shard: i16,
        /// The last position given.
        pub position: i64,
        /// The last position purged.
        pub purged: i64,
    }

    /// Refers to nothing.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
