import {
  AdHocVariableFilter,
  CoreApp,
  DataQueryRequest,
  DataQueryResponse,
  DataSourceInstanceSettings,
  LegacyMetricFindQueryOptions,
  MetricFindValue,
  ScopedVars,
  TimeRange,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, TemplateSrv } from '@grafana/runtime';
import { Observable } from 'rxjs';

import { annotations } from './annotations';
import { complete, lists } from './questions';
import { expand } from './template';
import { answers } from './texts';
import { DarkSocialOptions, DarkSocialQuery, FILTERS, Label, VariableQuery } from './types';
import { VariableEditorSupport } from './variables';
import { valueWord } from './words';

export class DataSource extends DataSourceWithBackend<DarkSocialQuery, DarkSocialOptions> {
  constructor(
    settings: DataSourceInstanceSettings<DarkSocialOptions>,
    private readonly templates: TemplateSrv = getTemplateSrv()
  ) {
    super(settings);
    this.annotations = annotations;
    this.variables = new VariableEditorSupport(this);
  }

  getDefaultQuery(_: CoreApp): Partial<DarkSocialQuery> {
    const { question, of, by, over } = complete({});
    return { question, of, by, over, ...answers() };
  }

  applyTemplateVariables(query: DarkSocialQuery, scoped: ScopedVars, _?: AdHocVariableFilter[]): DarkSocialQuery {
    if (!query.filters) {
      return query;
    }
    const filters = lists(query.filters);
    for (const filter of FILTERS) {
      if (filters[filter]) {
        filters[filter] = expand(filters[filter], this.templates, scoped);
      }
    }
    return { ...query, filters: { ...query.filters, ...filters } };
  }

  query(request: DataQueryRequest<DarkSocialQuery>): Observable<DataQueryResponse> {
    // Days begin, and sentences tell times, where the dashboard says.
    const timezone = zoneName(request.timezone);
    return super.query({ ...request, targets: request.targets.map((target) => ({ ...target, timezone })) });
  }

  filterQuery(query: DarkSocialQuery): boolean {
    return !query.hide;
  }

  /** The values that a label has in the time range, or lately, on the sites if some are named. */
  async values(label: Label, site: string[] | undefined, range?: TimeRange, scoped?: ScopedVars): Promise<string[]> {
    return this.getResource<string[]>('values', {
      label,
      site: expand(site, this.templates, scoped),
      from: range?.from.valueOf(),
      to: range?.to.valueOf(),
    });
  }

  async metricFindQuery(query: VariableQuery, options?: LegacyMetricFindQueryOptions): Promise<MetricFindValue[]> {
    const { label, site } = query;
    if (!label) {
      return [];
    }
    const values = await this.values(label, label === 'site' ? undefined : site, options?.range, options?.scopedVars);
    return values.map((value) => ({ text: valueWord(label, value), value }));
  }

  /** The dashboard's variables as a filter names them, e.g. "$site". */
  variableNames(): string[] {
    return this.templates.getVariables().map((v) => `$${v.name}`);
  }
}

/** The IANA name of the time zone that a dashboard has, "browser" or "utc" included. */
function zoneName(zone: string | undefined): string {
  switch (zone) {
    case 'utc':
      return 'UTC';
    case 'browser':
    case '':
    case undefined:
      return Intl.DateTimeFormat().resolvedOptions().timeZone;
    default:
      return zone;
  }
}
