// One file, for both are bound to the same place.
import { keeps } from "./promises.mjs";

keeps("chromium-rust");
keeps("firefox-rust");
