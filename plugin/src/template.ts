import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';

const ALL = '$__all';
// $name, ${name}, ${name:format}, [[name]]: as Grafana's own templates.
const REFERENCE = /\$(\w+)|\$\{(\w+)(?:[.:][^}]*)?\}|\[\[(\w+)(?::[^\]]*)?\]\]/g;
const FORMAT = /(\$\{\w+(?:\.[^}:]*)?|\[\[\w+):[^}\]]*(?=\}|\]\])/g;
// A variable with many values in a text with many variables multiplies.
const MOST = 1000;

/**
 * What a filter's values become once dashboard variables are filled in: a variable of several
 * values gives several entries, and one that stands at All, or is empty, no filter at all.
 */
export function expand(entries: string[] | undefined, templates: TemplateSrv, scoped?: ScopedVars): string[] {
  const values: string[] = [];
  for (const entry of entries ?? []) {
    const expanded = expandOne(entry, templates, scoped);
    if (expanded === undefined) {
      return [];
    }
    values.push(...expanded.filter((value) => value !== ''));
  }
  return [...new Set(values)];
}

/** The values of one entry, or undefined for everything. */
function expandOne(entry: string, templates: TemplateSrv, scoped?: ScopedVars): string[] | undefined {
  const found: string[][] = [];
  let all = false;
  // A filter is a list of values, in which a format that joins them, or gives their texts, finds nothing.
  const unformatted = entry.replace(FORMAT, '$1');
  const marked = templates.replace(unformatted, scoped, (value: unknown, variable?: { name?: string }) => {
    const many = Array.isArray(value) ? value.map(String) : [String(value ?? '')];
    all ||= isAll(variable?.name, many, Array.isArray(value), templates, scoped);
    found.push(many);
    return `\0${found.length - 1}\0`;
  });
  // Where All has a text of its own, Grafana puts that in without asking the format.
  all ||=
    found.length === 0 && marked !== unformatted && names(entry).some((name) => standsAtAll(name, templates, scoped));
  if (all) {
    return undefined;
  }
  return found.reduce(
    (texts, many, i) =>
      texts.flatMap((text) => many.map((value) => text.replace(`\0${i}\0`, () => value))).slice(0, MOST),
    [marked]
  );
}

function isAll(
  name: string | undefined,
  values: string[],
  isList: boolean,
  templates: TemplateSrv,
  scoped?: ScopedVars
): boolean {
  if (values.includes(ALL)) {
    return true;
  }
  // A panel that is repeated has a value of its own where the dashboard's variable stands at All.
  return isList && name !== undefined && values.length !== 1 && standsAtAll(name, templates, scoped);
}

function standsAtAll(name: string, templates: TemplateSrv, scoped?: ScopedVars): boolean {
  if (scoped?.[name]) {
    return false;
  }
  const variable = templates.getVariables().find((v) => v.name === name);
  const value: unknown = variable && 'current' in variable && (variable.current as { value?: unknown }).value;
  return value === ALL || (Array.isArray(value) && value.includes(ALL));
}

function names(entry: string): string[] {
  return [...entry.matchAll(REFERENCE)].map((m) => m[1] ?? m[2] ?? m[3]);
}
