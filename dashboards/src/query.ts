import * as cog from '@grafana/grafana-foundation-sdk/cog';
import { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';

import { check, complete } from '../../plugin/src/questions';
import type { DarkSocialQuery, Filter, Label } from '../../plugin/src/types';
import { Language } from './text';

export const PLUGIN = 'darkshare-darksocial-datasource';

/** The data source that the reader has chosen. */
export const darksocial: DataSourceRef = { type: PLUGIN, uid: '${datasource}' };
/** The Prometheus server that the reader has chosen. */
export const server: DataSourceRef = { type: 'prometheus', uid: '${prometheus}' };

/** A question, as the plugin's model has it, with the filters that follow the dashboard's variables. */
export type Question = Omit<DarkSocialQuery, 'refId' | 'datasource' | 'language' | 'filters'> & {
  /** The variables to filter by, each of the filter's name. */
  variables?: Filter[];
  /** Values to filter by, whatever the variables are. */
  only?: DarkSocialQuery['filters'];
};

/** A question as a panel's target. It throws where the back end would refuse to answer. */
export function question({ variables = [], only, ...asked }: Question, language: Language, refId = 'A') {
  const filters = { ...Object.fromEntries(variables.map((name) => [name, [`$${name}`]])), ...only };
  const query = { ...asked, filters };
  const problems = check(query);
  if (problems.length > 0) {
    throw new Error(`${JSON.stringify(query)}: ${JSON.stringify(problems)}`);
  }
  // What an empty field means is written out: a default that changes shall not change a dashboard.
  const { question, of, by, as, over } = complete(query);
  return target({ refId, datasource: darksocial, language, ...asked, question, of, by, as, over, filters });
}

/** PromQL as a panel's target. */
export const promql = (expr: string, legend: string, refId = 'A', instant = false) => {
  const query = new prometheus.DataqueryBuilder().refId(refId).datasource(server).expr(expr).legendFormat(legend);
  return instant ? query.instant().format(prometheus.PromQueryFormat.Table) : query.range();
};

/** The query of a variable that lists a label's values. */
export const valuesOf = (label: Label, site: string[] = []) => ({ refId: label, label, site });

// The SDK has no type for other plugins' queries but this mark.
function target(query: Partial<DarkSocialQuery> & { datasource: DataSourceRef }): cog.Builder<cog.Dataquery> {
  return { build: () => JSON.parse(JSON.stringify(query)) };
}
