import { keeps } from "./promises.mjs";

keeps("npm");
// Beside it.
if (process.env.TESTS_FULL) keeps("upstream");
