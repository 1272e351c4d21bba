import { AnnotationQuery, AnnotationSupport } from '@grafana/data';

import { AnnotationQueryEditor } from './components/AnnotationQueryEditor';
import { answers } from './texts';
import { DarkSocialQuery } from './types';

/** What makes a query one for annotations: the list of the shifts, each with its time and sentence. */
export const SHIFTS = { question: 'shift', over: 'range' } as const;

/** The detected shifts as annotations. */
export const annotations: AnnotationSupport<DarkSocialQuery> = {
  QueryEditor: AnnotationQueryEditor,
  getDefaultQuery: () => ({ ...SHIFTS, ...answers() }),
  prepareQuery: (annotation: AnnotationQuery<DarkSocialQuery>) => ({
    refId: 'Anno',
    ...annotation.target,
    ...SHIFTS,
  }),
};
