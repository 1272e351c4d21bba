package attribution

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestSieve: the sieve makes attacks cheaper to look for, and changes nothing.
func TestSieve(t *testing.T) {
	with, err := newAttackTable()
	if err != nil {
		t.Fatal(err)
	}
	without := *with
	for i := range without.sieve {
		without.sieve[i] = ^uint64(0) // lets everything pass
	}
	parts := []string{"/blog/", "a-title-of-words", ".html", "?utm_source=x", "&y=%20", ".", "/", "..", "\x00", "é"}
	for _, s := range attackTexts(t) {
		parts = append(parts, s, s[:len(s)-1], s[1:])
	}
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 200_000 {
		var target []byte
		for range 1 + random.IntN(4) {
			part := []byte(parts[random.IntN(len(parts))])
			if random.IntN(3) == 0 {
				part = bytes.ToUpper(part)
			}
			target = append(target, part...)
		}
		got, want := with.is(target, false), without.is(target, false)
		if got != want {
			t.Fatalf("%q: %v, want %v", target, got, want)
		}
		if got {
			found++
		}
	}
	if found < 20_000 {
		t.Errorf("%d attacks only", found)
	}
	for _, s := range []string{"/", "/blog/2024/01/a-title-of-some-words", "/books/copper-5438.html?page=2", "/fr/produits/"} {
		if with.sieve.passes([]byte(s)) {
			t.Errorf("%s gets through for nothing", s)
		}
	}
}

// attackTexts returns what is always an attack.
func attackTexts(t *testing.T) (texts []string) {
	file, err := attacksFile.decoded()
	if err != nil {
		t.Fatal(err)
	}
	texts = append(texts, file.Always.Anywhere...)
	for _, list := range [][]string{file.Always.Segments, file.Always.Prefixes} {
		for _, s := range list {
			texts = append(texts, "/"+s)
		}
	}
	return texts
}
