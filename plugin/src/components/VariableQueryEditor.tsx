import { QueryEditorProps } from '@grafana/data';
import { t } from '@grafana/i18n';
import { EditorRow, EditorRows } from '@grafana/plugin-ui';
import React from 'react';

import type { DataSource } from '../datasource';
import { DarkSocialOptions, DarkSocialQuery, Label, LABELS, VariableQuery } from '../types';
import { filterWord, labelWord } from '../words';
import { Choice } from './Choice';
import { Values } from './Values';

type Props = QueryEditorProps<DataSource, DarkSocialQuery, DarkSocialOptions, VariableQuery>;

/** What a dashboard variable lists. */
export function VariableQueryEditor({ datasource, query, onChange, range }: Props) {
  const label = query.label ?? 'site';
  return (
    <EditorRows>
      <EditorRow>
        <Choice<Label>
          label={t('variable.label', 'Values of')}
          value={label}
          choices={[...LABELS]}
          word={(l) => ({ label: labelWord(l) })}
          onChange={(chosen) => onChange({ ...query, label: chosen })}
          minWidth={20}
        />
        {label !== 'site' && (
          <Values
            datasource={datasource}
            of="site"
            label={filterWord('site')}
            value={query.site ?? []}
            onChange={(site) => onChange({ ...query, site })}
            range={range}
          />
        )}
      </EditorRow>
    </EditorRows>
  );
}
