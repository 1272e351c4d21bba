import { config } from '@grafana/runtime';
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';

import { loadTexts } from '../src/texts';

/** Makes the plugin speak a language, in what a Grafana before 12.1 has ready for it. */
export async function speak(language: string): Promise<void> {
  if (!i18next.isInitialized) {
    await i18next.use(initReactI18next).init({
      lng: language,
      fallbackLng: 'en-US',
      resources: {},
      partialBundledLanguages: true,
      returnEmptyString: false,
      showSupportNotice: false,
    });
  }
  // Grafana's own texts: that there are some makes the language the resolved one.
  i18next.addResourceBundle(language, 'grafana', { loaded: 'yes' });
  await i18next.changeLanguage(language);
  config.buildInfo.version = '12.0.0';
  await loadTexts();
}
