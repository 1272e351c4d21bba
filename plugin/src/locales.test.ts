import { readdirSync, readFileSync } from 'fs';
import path from 'path';
import ts from 'typescript';

import en from './locales/en-US/darkshare-darksocial-datasource.json';
import fr from './locales/fr-FR/darkshare-darksocial-datasource.json';
import plugin from './plugin.json';

/** The texts in the code, t(key, text, …), by key. */
function textsOfTheCode(): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const entry of readdirSync(__dirname, { recursive: true, encoding: 'utf8' })) {
    if (!/\.tsx?$/.test(entry) || /\.test\.tsx?$/.test(entry)) {
      continue;
    }
    const file = path.join(__dirname, entry);
    const visit = (node: ts.Node) => {
      if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 't') {
        const [key, text] = node.arguments;
        if (!ts.isStringLiteral(key) || !ts.isStringLiteral(text)) {
          throw new Error(`${entry}: ${node.getText()} cannot be translated: key and text must be literal`);
        }
        if (key.text in texts && texts[key.text] !== text.text) {
          throw new Error(`${entry}: ${key.text} is two texts`);
        }
        texts[key.text] = text.text;
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true));
  }
  return texts;
}

const flat = (tree: Record<string, Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(tree).flatMap(([a, texts]) => Object.entries(texts).map(([b, x]) => [`${a}.${b}`, x]))
  );

test('the English file has exactly the texts of the code', () => {
  expect(flat(en)).toEqual(textsOfTheCode());
});

test('the French file has the same keys', () => {
  expect(Object.keys(flat(fr)).sort()).toEqual(Object.keys(flat(en)).sort());
});

test.each(Object.entries(flat(fr)))('the French of %s has the placeholders of the English', (key, text) => {
  const placeholders = (x: string) => (x.match(/\{\{\w+\}\}/g) ?? []).sort();
  expect(placeholders(text)).toEqual(placeholders(flat(en)[key]));
});

test.each(Object.entries(flat(fr)))('the French of %s keeps its punctuation on the line', (_, text) => {
  // No plain space before : ; ? ! » or after «, where the line could break.
  expect(text).not.toMatch(/ [:;?!»]|« /);
});

test('plugin.json names the languages that there are', () => {
  expect(plugin.languages).toEqual(readdirSync(path.join(__dirname, 'locales')).sort());
});
