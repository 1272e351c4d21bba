import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';

import { expand } from './template';

/** A dashboard's variable: its value, and what All stands for. */
interface Variable {
  value: string | string[];
  options?: string[];
  allValue?: string;
}

/**
 * Fills in variables as Grafana 12 does (public/app/features/templating, @grafana/scenes): the
 * format is asked for each reference that names none, with all options where the variable stands at All, but not
 * where All has a text of its own; scoped values come first; an unknown name stays as it is.
 */
function templates(variables: Record<string, Variable>): TemplateSrv {
  return {
    getVariables: () =>
      Object.entries(variables).map(([name, v]) => ({ name, type: 'query', current: { value: v.value } })),
    replace: (text: string, scoped: ScopedVars | undefined, format: (value: unknown, v: { name: string }) => string) =>
      text.replace(/\$(\w+)|\$\{(\w+)(:\w+)?\}|\[\[(\w+)(:\w+)?\]\]/g, (match, a, b, ofB, c, ofC) => {
        const name = a ?? b ?? c;
        if (ofB ?? ofC) {
          return [variables[name]?.value].flat().join();
        }
        if (scoped?.[name]) {
          return format(scoped[name]!.value, { name });
        }
        const v = variables[name];
        if (!v) {
          return match;
        }
        if ([v.value].flat().includes('$__all')) {
          return v.allValue ?? format(v.options ?? [], { name });
        }
        return format(v.value, { name });
      }),
  } as unknown as TemplateSrv;
}

const variables: Record<string, Variable> = {
  site: { value: 'blog.example' },
  sites: { value: ['a.example', 'b.example'] },
  every: { value: '$__all', options: ['a.example', 'b.example', 'c.example'] },
  everyList: { value: ['$__all'], options: ['a.example', 'b.example'] },
  regex: { value: '$__all', options: ['a'], allValue: '.*' },
  none: { value: '' },
  hostile: { value: ['$site', 'a"} or vector(1) #', '$&'] },
};

describe('variables in filters', () => {
  test.each<[string, string[] | undefined, string[], ScopedVars?]>([
    ['no filter', undefined, []],
    ['an empty filter', [], []],
    ['values as they are', ['a', 'b|c', '.*'], ['a', 'b|c', '.*']],
    ['one value', ['$site'], ['blog.example']],
    ['in braces', ['${site}', 'x'], ['blog.example', 'x']],
    ['in brackets', ['[[site]]'], ['blog.example']],
    ['several values', ['$sites'], ['a.example', 'b.example']],
    ['the same value twice', ['$sites', 'a.example'], ['a.example', 'b.example']],
    [
      'several values in a format',
      ['${sites:csv}', 'x.[[sites:pipe]]'],
      ['a.example', 'b.example', 'x.a.example', 'x.b.example'],
    ],
    ['All in a format', ['${every:text}'], []],
    ['All', ['$every'], []],
    ['All of a list', ['$everyList'], []],
    ['All beside a value', ['x', '$every'], []],
    ['All with a text of its own', ['$regex'], []],
    ['an empty text box', ['$none'], []],
    ['a part of a value', ['www.$site'], ['www.blog.example']],
    [
      'several in a part',
      ['$sites/$sites'],
      ['a.example/a.example', 'a.example/b.example', 'b.example/a.example', 'b.example/b.example'],
    ],
    ['an unknown name', ['$nobody'], ['$nobody']],
    ['text that looks like one', ['$hostile'], ['$site', 'a"} or vector(1) #', '$&']],
    ['a repeated panel, the dashboard at All', ['$every'], ['c.example'], { every: { text: 'c', value: 'c.example' } }],
    ['a repeated panel of a list', ['$everyList'], ['b.example'], { everyList: { text: 'b', value: ['b.example'] } }],
  ])('%s', (_, entries, expected, ...[scoped]) => {
    expect(expand(entries, templates(variables), scoped)).toEqual(expected);
  });
});
