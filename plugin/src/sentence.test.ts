import { speak } from '../tests/speak';
import { ask, check, QUESTIONS, rulesOf } from './questions';
import { problemSentence, sentence } from './sentence';
import { language } from './texts';
import { DarkSocialQuery, Question } from './types';

type Model = Partial<DarkSocialQuery>;

const models: Record<string, Model> = {
  empty: {},
  full: { by: 'device', filters: { site: ['courier.example'] } },
  social: { of: 'social', over: 'range' },
  share: {
    question: 'visits',
    as: 'share',
    by: 'channel',
    limit: 5,
    filters: { site: ['a.example', '$site'], section: ['/actu/été', '<b>'], channel: ['dark_social', 'new_one'] },
  },
  pages: { question: 'topPages', limit: 25 },
  devices: { question: 'direct', filters: { device: ['mobile', 'tablet', 'desktop'], source: [''] } },
  shift: { question: 'shift', over: 'range', filters: { source: ['whatsapp'] } },
  page: { filters: { page: ['/a.html', '/b.html'] } },
};

const problems: Record<string, Model> = {
  question: { question: 'sales' as Question },
  together: { by: 'section', filters: { device: ['mobile'] } },
  filter: { question: 'topPages', filters: { device: ['mobile'] } },
  by: { question: 'direct', by: 'goal' },
  over: { question: 'topPages', over: 'time' },
  needsBy: { question: 'visits', as: 'share' },
  limit: { question: 'topPages', limit: 101 },
};

const say = (query: Model) => sentence(query, language());
const complain = (query: Model) => check(query).map((p) => problemSentence(query, p, language()));

describe('in English', () => {
  beforeAll(() => speak('en-US'));

  test.each<[keyof typeof models, string]>([
    ['empty', 'Dark share of all visits over time'],
    ['full', 'Dark share of all visits over time, for courier.example, split by device, the 10 largest at most'],
    ['social', 'Dark share of social visits in the time range'],
    [
      'share',
      'Share of the visits over time, for a.example or $site, in the section /actu/été or <b>, through Private sharing or new_one, split by channel, the 5 largest at most',
    ],
    ['pages', 'The 25 pages with the most private visits, their dark share, shares and change'],
    [
      'devices',
      'What analytics calls “Direct” over time: shared in private, typed, or unknown, on Mobile, Tablet, or Desktop',
    ],
    ['shift', 'Shifts of the dark share in the time range, each with a sentence, from whatsapp'],
    ['page', 'Dark share of all visits over time, on the page /a.html or /b.html'],
  ])('%s', (name, expected) => {
    expect(say(models[name])).toBe(expected);
  });

  test.each<[keyof typeof problems, string]>([
    [
      'question',
      'There is no question “sales”. Choose Dark share, Visits, Top pages, Shares, What analytics calls “Direct”, Conversions, or Shifts.',
    ],
    ['together', 'Visits are not counted by section and device together. Leave out one of them.'],
    ['filter', '“Top pages” cannot be filtered by device. Empty that filter, or filter by site or page.'],
    ['by', '“What analytics calls “Direct”” cannot be split by goal. Choose nothing, site, or device.'],
    ['over', '“Top pages” cannot be shown as “over time”. Choose in total.'],
    ['needsBy', 'A share of the visits needs a split: choose what to split by.'],
    ['limit', 'The number must be from 1 to 100.'],
  ])('the problem of %s', (name, expected) => {
    expect(complain(problems[name])).toEqual([expected]);
  });
});

describe('in French', () => {
  beforeAll(() => speak('fr-FR'));

  test.each<[keyof typeof models, string]>([
    ['empty', 'Part privée de toutes les visites au fil du temps'],
    [
      'full',
      'Part privée de toutes les visites au fil du temps, pour courier.example, par appareil, les 10 premiers au plus',
    ],
    ['social', 'Part privée des visites sociales sur la période'],
    [
      'share',
      'Répartition des visites au fil du temps, en parts, pour a.example ou $site, dans la rubrique /actu/été ou <b>, venues par Partage privé ou new_one, par canal, les 5 premiers au plus',
    ],
    ['pages', 'Les 25 pages qui ont le plus de visites privées, leur part privée, leurs partages et leur évolution'],
    [
      'devices',
      'Ce que vos statistiques appellent «\u00a0Direct\u00a0» au fil du temps\u00a0: partagé en privé, tapé ou inconnu, sur Mobile, Tablette ou Ordinateur',
    ],
    ['shift', 'Écarts de la part privée sur la période, chacun avec une phrase, depuis whatsapp'],
    ['page', 'Part privée de toutes les visites au fil du temps, pour la page /a.html ou /b.html'],
  ])('%s', (name, expected) => {
    expect(say(models[name])).toBe(expected);
  });

  test.each<[keyof typeof problems, string]>([
    ['together', 'Rien n’est compté par rubrique et par appareil à la fois. Retirez l’un des deux.'],
    [
      'filter',
      '«\u00a0Pages en tête\u00a0» ne se filtre pas par appareil. Videz ce filtre, ou filtrez par site ou page.',
    ],
    ['needsBy', 'Une part des visites demande une répartition\u00a0: choisissez par quoi répartir.'],
    ['limit', 'Le nombre doit être compris entre 1 et 100.'],
  ])('the problem of %s', (name, expected) => {
    expect(complain(problems[name])).toEqual([expected]);
  });
});

test('users of other languages read English, lists included', async () => {
  await speak('de-DE');
  expect(language()).toBe('en-US');
  expect(say({ filters: { site: ['a', 'b'] } })).toBe('Dark share of all visits over time, for a or b');
});

test.each(['en-US', 'fr-FR'])('every question says something else in every form, in %s', async (tag) => {
  await speak(tag);
  const said = new Map<string, string>();
  for (const question of QUESTIONS) {
    const r = rulesOf(question);
    for (const over of r.over) {
      for (const of of r.of.length ? r.of : [undefined]) {
        for (const as of r.as.length ? r.as : [undefined]) {
          for (const by of r.by.filter((b) => b !== 'page' || question !== 'topPages')) {
            const query = { ...ask({}, question), over, of, as, by };
            const words = say(query);
            expect(words).not.toMatch(/\{\{|undefined/);
            expect([words, said.get(words)]).toEqual([words, undefined]);
            said.set(words, JSON.stringify(query));
          }
        }
      }
    }
  }
});
