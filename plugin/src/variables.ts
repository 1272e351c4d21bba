import { CustomVariableSupport, DataQueryRequest, DataQueryResponse } from '@grafana/data';
import { from, map, Observable } from 'rxjs';

import { VariableQueryEditor } from './components/VariableQueryEditor';
import type { DataSource } from './datasource';
import { VariableQuery } from './types';

/** Variables whose values are the sites, sections, channels and so on that there are. */
export class VariableEditorSupport extends CustomVariableSupport<DataSource, VariableQuery> {
  editor = VariableQueryEditor;

  constructor(private readonly datasource: DataSource) {
    super();
  }

  getDefaultQuery(): Partial<VariableQuery> {
    return { label: 'site', site: [] };
  }

  query(request: DataQueryRequest<VariableQuery>): Observable<DataQueryResponse> {
    const { range, scopedVars, targets } = request;
    return from(this.datasource.metricFindQuery(targets[0], { range, scopedVars })).pipe(map((data) => ({ data })));
  }
}
