import { keeps } from "./promises.mjs";

keeps("ours");
