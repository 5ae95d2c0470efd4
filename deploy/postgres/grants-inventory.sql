-- What each login may do in the inventory database. Run by its owner after each `valerix migrate`; harmless to repeat.
--
-- The ledger (inventory_transactions) is append-only: nobody but its owner may change or remove a row.

begin;

revoke all on all tables in schema public from valerix_inventory, valerix_reader;
grant usage on schema public to valerix_inventory, valerix_reader;
grant select on all tables in schema public to valerix_inventory, valerix_reader;

grant insert on stock, reservations, reservation_lines, inventory_transactions, update_keys, gremlin to valerix_inventory;
grant update on stock, reservations, update_keys, gremlin, retention to valerix_inventory;
grant delete on reservations, reservation_lines to valerix_inventory;

commit;
