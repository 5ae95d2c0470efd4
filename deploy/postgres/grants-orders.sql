-- What each login may do in the orders database. Run by its owner after each `valerix migrate`; harmless to repeat.
--
-- The journal (saga_steps) and the audit log (staff_actions) are append-only: nobody but their owner may change a row. Only the
-- relay may remove rows of the journal, together with the order they belong to, when that has been kept long enough.

begin;

revoke all on all tables in schema public from valerix_order_service, valerix_relay, valerix_reader;
grant usage on schema public to valerix_order_service, valerix_relay, valerix_reader;
grant select on all tables in schema public to valerix_order_service, valerix_relay, valerix_reader;

-- It takes orders, and does what staff wants.
grant insert on orders, idempotency_keys, sagas, saga_steps, outbox, staff_actions, bulk_actions, bulk_items, breaker_orders
    to valerix_order_service;
grant update on sagas, outbox, bulk_actions, bulk_items, breaker_orders to valerix_order_service;
grant delete on outbox to valerix_order_service;

-- It finishes orders, and removes what has been kept long enough.
grant insert on saga_steps, outbox, relays to valerix_relay;
grant update on sagas, outbox, relays, retention to valerix_relay;
grant delete on orders, idempotency_keys, sagas, saga_steps, outbox, relays to valerix_relay;

commit;
