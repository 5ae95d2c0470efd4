// The console's only script: live parts, keys, times. Every page works without it.
import { live } from "./live.js";
import { keys } from "./keys.js";
import { times } from "./times.js";

times();
keys();
live();
