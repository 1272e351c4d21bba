package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestSemantic: a version is the tag's, and what came since then is newer than the tag.
func TestSemantic(t *testing.T) {
	for _, c := range []struct{ described, want string }{
		{"v1.2.3-0-g0a1b2c3", "1.2.3"},
		{"v1.2.3-0-g0a1b2c3-dirty", "1.2.3+0.g0a1b2c3.dirty"},
		{"v1.2.3-7-g0a1b2c3", "1.2.3+7.g0a1b2c3"},
		{"v1.2.3-rc.1-0-g0a1b2c3", "1.2.3-rc.1"},
		{"v1.2.3-rc.1-7-g0a1b2c3", "1.2.3-rc.1+7.g0a1b2c3"},
		{"v0.0.0-49-g0a1b2c3-dirty", "0.0.0+49.g0a1b2c3.dirty"},
		{"", ""},
		{"0a1b2c3", ""},
		{"v1.2-0-g0a1b2c3", ""},
	} {
		got, err := semantic(c.described)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("semantic(%q) = %q, %v; want %q", c.described, got, err, c.want)
		}
	}
}

// TestNewRelease: outside a repository the environment says what is built.
func TestNewRelease(t *testing.T) {
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	if r, err := newRelease(t.Context(), t.TempDir()); err == nil {
		t.Errorf("a release of nothing: %+v", r)
	}
	t.Setenv("DARKSHARE_VERSION", "4.5.6")
	t.Setenv("SOURCE_DATE_EPOCH", "1795348800")
	r, err := newRelease(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got := r.date.String(); r.version != "4.5.6" || r.commit != "" || got != "2026-11-22 12:00:00 +0000 UTC" {
		t.Errorf("got %+v", r)
	}
}

// TestVersion: a released binary says what it is.
func TestVersion(t *testing.T) {
	got := output(t, build1(t).binary, "version")
	want := "darkshare 1.2.3 (revision 0123456789abcdef0123456789abcdef01234567 of 2026-11-22T12:00:00Z, " +
		runtime.Version() + " " + host.String() + ")\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStatic: the binary needs no library and no loader.
func TestStatic(t *testing.T) {
	needs(t, "readelf", "binutils")
	m := build1(t)
	if headers := output(t, "readelf", "-l", m.binary); strings.Contains(headers, "INTERP") || strings.Contains(headers, "DYNAMIC") {
		t.Errorf("it is linked dynamically:\n%s", headers)
	}
}

// TestReproducible: the same sources in two directories, neither of them a repository,
// give the same bytes. What was compiled before is taken from the cache, whose keys have no
// directory; `go -C packaging run . -verify` does without it, and takes minutes.
func TestReproducible(t *testing.T) {
	needs(t, "git", "git")
	m := build1(t)
	var binaries [2]string
	first := ""
	for i, name := range []string{"here", "else/where"} {
		sources := filepath.Join(t.TempDir(), name)
		if i == 0 {
			if err := m.copySources(t.Context(), sources); err != nil {
				t.Fatal(err)
			}
			first = sources
		} else if err := os.CopyFS(sources, os.DirFS(first)); err != nil {
			t.Fatal(err)
		}
		binaries[i] = filepath.Join(t.TempDir(), "darkshare")
		if err := m.build(t.Context(), host, sources, binaries[i]); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(binaries[i])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), sources) {
			t.Errorf("it has the path of its sources, %s", sources)
		}
	}
	if err := same(binaries[0], binaries[1]); err != nil {
		t.Error(err)
	}
}

// TestSame: a difference is found, and where.
func TestSame(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	a, b, c := write("a", "binary"), write("b", "bimary"), write("c", "binary!")
	for _, other := range []struct{ name, want string }{
		{a, ""},
		{b, "from byte 2 on"},
		{c, "from byte 6 on"},
	} {
		err := same(a, other.name)
		if (err == nil) != (other.want == "") || err != nil && !strings.Contains(err.Error(), other.want) {
			t.Errorf("%s: %v, want %q", other.name, err, other.want)
		}
	}
}

// TestArchives: what is in them, and that they are the same each time.
func TestArchives(t *testing.T) {
	m, binary := build1(t), small(t)
	for _, c := range []struct {
		platform
		suffix string
		list   []string
		debian string
	}{
		{platform{"linux", "amd64"}, ".tar.gz", []string{"tar", "-tvzf"}, "tar"},
		{platform{"windows", "amd64"}, ".zip", []string{"unzip", "-Z1"}, "unzip"},
	} {
		t.Run(c.os, func(t *testing.T) {
			needs(t, c.list[0], c.debian)
			var files [2]string
			for i := range files {
				base := filepath.Join(t.TempDir(), "darkshare_1.2.3_"+c.os+"_"+c.arch)
				if err := m.archive(c.platform, base, binary, m.docs); err != nil {
					t.Fatal(err)
				}
				files[i] = base + c.suffix
			}
			if err := same(files[0], files[1]); err != nil {
				t.Error(err)
			}
			golden(t, c.os+".golden", withoutSizes(output(t, c.list[0], append(c.list[1:], files[0])...)))
		})
	}
}

// withoutSizes takes what changes with every change of the code out of a listing.
func withoutSizes(listing string) string {
	var b strings.Builder
	for line := range strings.Lines(listing) {
		if f := strings.Fields(line); len(f) >= 6 {
			line = f[0] + " " + f[1] + " " + strings.Join(f[5:], " ") + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// TestChecksums: sha256sum takes them, and finds a file that was changed.
func TestChecksums(t *testing.T) {
	needs(t, "sha256sum", "coreutils")
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeChecksums(dir); err != nil {
		t.Fatal(err)
	}
	check := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), "sha256sum", "-c", "--strict", "SHA256SUMS")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := check(); err != nil || out != "one: OK\ntwo: OK\n" {
		t.Errorf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "two"), []byte("three"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := check(); err == nil {
		t.Errorf("a changed file passes: %s", out)
	}
}

// TestCompletions: the shells take them.
func TestCompletions(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			needs(t, shell, shell)
			output(t, shell, "-n", build1(t).docs.path("completions/darkshare."+shell))
		})
	}
}

// TestConfiguration: darkshare takes the one that is installed, as it is and with what
// its comments offer.
func TestConfiguration(t *testing.T) {
	m := build1(t)
	text, err := os.ReadFile("darkshare.yaml")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "access.log")
	line := `192.0.2.1 - - [22/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "Mozilla/5.0"` + "\n"
	if err := os.WriteFile(log, []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	here := strings.ReplaceAll(string(text), "/var/log/nginx/access.log", log)
	all := strings.NewReplacer(
		"    # format:", "    format:", "    # site:", "    site:", "# sites:", "sites:",
		"#   - name: example", "  - name: example", "#     ", "    ",
	).Replace(here)
	for name, c := range map[string]struct{ text, want string }{
		"as it is":                {here, "no mistakes; 1 inputs, 0 sites"},
		"with what is commented":  {all, "no mistakes; 1 inputs, 1 sites"},
		"with the store in place": {strings.NewReplacer("state:\n  file: /var/lib/darkshare/state\n", "", "# store:", "store:", "#   dir:", "  dir:").Replace(here), "no mistakes"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "darkshare.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			out, _ := exec.CommandContext(t.Context(), m.binary, "check", "--config", file).CombinedOutput()
			if !strings.Contains(string(out), c.want) {
				t.Errorf("no %q in\n%s\nof\n%s", c.want, out, c.text)
			}
		})
	}
}
