import { keeps } from "./promises.mjs";

keeps("chromium");
