// Mounts one of the plugin's editors with the real @grafana/ui, in an environment as Grafana
// gives it: #{"editor":"query","language":"fr-FR","model":{…}}.
import { createTheme, getDefaultTimeRange, ThemeContext } from '@grafana/data';
import { setBackendSrv, setTemplateSrv } from '@grafana/runtime';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import React, { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { from } from 'rxjs';

import { AnnotationQueryEditor } from '../../src/components/AnnotationQueryEditor';
import { ConfigEditor } from '../../src/components/ConfigEditor';
import { QueryEditor } from '../../src/components/QueryEditor';
import { VariableQueryEditor } from '../../src/components/VariableQueryEditor';
import { DataSource } from '../../src/datasource';
import { speak } from '../speak';

interface Setup {
  editor: 'query' | 'config' | 'variable' | 'annotation';
  language: string;
  // The editors' own models, each another one.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  model: any;
}

declare global {
  interface Window {
    /** What the editor made of the model, and how often it asked for the query to be run. */
    model: unknown;
    runs: number;
  }
}

const { editor, language, model: initial } = JSON.parse(decodeURIComponent(location.hash.slice(1))) as Setup;

document.documentElement.lang = language;
await speak(language);

const variables = [{ name: 'site', type: 'query', current: { value: ['blog.example'] } }];
setTemplateSrv({
  getVariables: () => variables,
  replace: (text: string) => text,
  containsTemplate: () => false,
  updateTimeRange: () => {},
} as unknown as Parameters<typeof setTemplateSrv>[0]);
setBackendSrv({
  fetch: ({ url, params }: { url: string; params?: Record<string, unknown> }) =>
    from(
      (async () => {
        const query = new URLSearchParams(
          Object.entries(params ?? {}).flatMap(([k, v]) =>
            (Array.isArray(v) ? v : [v]).filter((one) => one !== undefined).map((one) => [k, String(one)])
          )
        );
        const response = await fetch(`${url}?${query}`);
        const data = await response.json();
        if (!response.ok) {
          throw { status: response.status, data };
        }
        return { data };
      })()
    ),
} as unknown as Parameters<typeof setBackendSrv>[0]);

// eslint-disable-next-line @typescript-eslint/no-explicit-any
const datasource = new DataSource({
  id: 1,
  uid: 'darksocial',
  type: 'datasource',
  name: 'DarkSocial',
  jsonData: {},
} as any);

function Page() {
  const [model, setModel] = useState(initial);
  const [range, setRange] = useState(getDefaultTimeRange);
  window.model = model;
  const onChange = setModel;
  const onRunQuery = () => {
    window.runs++;
    // As Explore does: whatever is run is a new range, and everything is rendered anew.
    setRange(getDefaultTimeRange());
  };
  switch (editor) {
    case 'query':
      return (
        <QueryEditor datasource={datasource} query={model} onChange={onChange} onRunQuery={onRunQuery} range={range} />
      );
    case 'annotation':
      return (
        <AnnotationQueryEditor
          datasource={datasource}
          query={model}
          onChange={onChange}
          onRunQuery={onRunQuery}
          range={range}
        />
      );
    case 'variable':
      return (
        <VariableQueryEditor
          datasource={datasource}
          query={model}
          onChange={onChange}
          onRunQuery={onRunQuery}
          range={range}
        />
      );
    case 'config':
      return <ConfigEditor options={model} onOptionsChange={onChange} />;
  }
}

window.runs = 0;
const theme = createTheme({ colors: { mode: 'light' } });
createRoot(document.getElementById('root')!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <main>
      <h1>DarkSocial</h1>
      <Page />
    </main>
    <PortalContainer />
  </ThemeContext.Provider>
);
