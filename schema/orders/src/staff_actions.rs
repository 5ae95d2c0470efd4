//! Table `staff_actions`: who put what right, when, why, and what truly came of it.
