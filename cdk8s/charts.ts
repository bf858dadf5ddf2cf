// All charts of the system, and their files.

import { type Chart, filesOf } from "./chart.ts";
import { partnerChart } from "./partner-chart.ts";
import { serviceChart } from "./service-chart.ts";
import { storeChart } from "./store-charts.ts";
import { type Store, storesOf } from "./stores.ts";
import { type Definitions, definitions } from "./system.ts";
import { umbrellaChart } from "./umbrella-chart.ts";

export function chartsOf(system: Definitions): Chart[] {
  return [
    ...system.services.map((each) => serviceChart(each, system)),
    ...system.partners.map((each) => partnerChart(each, system)),
    ...(Object.keys(storesOf) as Store[]).map((each) => storeChart(each, system)),
    umbrellaChart(system),
  ];
}

/** Every generated file below `charts/`, by its path there. */
export function chartFiles(system: Definitions = definitions): Record<string, string> {
  const files = chartsOf(system).flatMap((chart) =>
    Object.entries(filesOf(chart)).map(([file, content]) => [`${chart.name}/${file}`, content]),
  );
  return Object.fromEntries(files);
}
