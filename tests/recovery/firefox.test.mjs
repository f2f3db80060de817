import { keeps } from "./promises.mjs";

keeps("firefox");
