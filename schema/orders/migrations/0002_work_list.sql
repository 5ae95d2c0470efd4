-- What is new or held, apart from the millions that may wait for a time: every frequent look at the work list walks
-- this index. The update that claims a message changes nothing in it.
create index outbox_live on outbox (order_id) where run_at is null;

-- How long a member may be silent is its own setting: members that are set differently agree on who is alive.
alter table relays add column stale_ms integer not null default 1200;
