-- Run once by the postgres image, when its data directory is new: each service owns a database of its own.
create database orders;
create database inventory;
