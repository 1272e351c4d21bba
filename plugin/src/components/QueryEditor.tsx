import { QueryEditorProps } from '@grafana/data';
import React from 'react';

import type { DataSource } from '../datasource';
import { DarkSocialOptions, DarkSocialQuery } from '../types';
import { QuestionForm } from './QuestionForm';

type Props = QueryEditorProps<DataSource, DarkSocialQuery, DarkSocialOptions>;

export function QueryEditor({ datasource, query, onChange, onRunQuery, range }: Props) {
  return (
    <QuestionForm datasource={datasource} query={query} onChange={onChange} onRunQuery={onRunQuery} range={range} />
  );
}
