// Holds the dashboards' JSON to JSON schemas of Grafana's types: node schema/check.mjs.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import Ajv from 'ajv';
import { createFormatter, createParser, createProgram, SchemaGenerator } from 'ts-json-schema-generator';

const here = path.dirname(fileURLToPath(import.meta.url));
const config = {
  path: path.join(here, 'types.ts'),
  tsconfig: path.join(here, '..', 'tsconfig.json'),
  // The mark that the SDK puts on queries is a method; queries have the fields of their data source.
  functions: 'hide',
  additionalProperties: false,
  skipTypeCheck: true,
  type: '*',
};
const program = createProgram(config);
const generator = new SchemaGenerator(program, createParser(program, config), createFormatter(config), config);

const PANELS = {
  bargauge: 'BargaugePanel',
  stat: 'StatPanel',
  'state-timeline': 'StateTimelinePanel',
  table: 'TablePanel',
  text: 'TextPanel',
  timeseries: 'TimeseriesPanel',
};
const ajv = new Ajv({ strict: false, allErrors: true });
const schemas = new Map();
const problems = [];

for (const file of readdirSync(path.join(here, '..')).filter((name) => /^darkshare-.*\.json$/.test(name))) {
  const dashboard = JSON.parse(readFileSync(path.join(here, '..', file), 'utf8'));
  for (const { id, type, options, fieldConfig } of dashboard.panels) {
    if (PANELS[type]) {
      hold(`${file}, panel ${id}`, PANELS[type], { options, custom: fieldConfig?.defaults?.custom });
    } else if (type !== 'row' && type !== 'alertlist') {
      problems.push(`${file}, panel ${id}: no schema for panels of the type ${type}`);
    }
  }
  hold(file, 'Dashboard', open(dashboard));
}
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 1;
}

/** The dashboard without what its schema leaves to data sources: the fields of queries. */
function open(dashboard) {
  const annotations = (dashboard.annotations.list ?? []).map((a) => ({ ...a, target: {} }));
  const panels = dashboard.panels.map((p) => (p.targets ? { ...p, targets: p.targets.map(() => ({})) } : p));
  return { ...dashboard, panels, annotations: { ...dashboard.annotations, list: annotations } };
}

function hold(what, type, value) {
  if (!schemas.has(type)) {
    schemas.set(type, ajv.compile(generator.createSchema(type)));
  }
  const validate = schemas.get(type);
  if (!validate(value)) {
    problems.push(...validate.errors.map((e) => `${what}: ${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`));
  }
}
