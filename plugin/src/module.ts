import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from './components/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { DataSource } from './datasource';
import { loadTexts } from './texts';
import { DarkSocialOptions, DarkSocialQuery } from './types';

await loadTexts();

export const plugin = new DataSourcePlugin<DataSource, DarkSocialQuery, DarkSocialOptions>(DataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
