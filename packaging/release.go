package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A release is a version of the sources, and where they are.
type release struct {
	root    string // absolute
	version string // semantic, without a "v"
	commit  string
	date    time.Time // of the commit, in UTC

	licenses map[string][]string // by a module's directory, as far as asked
}

// newRelease returns the release of what is checked out. Outside a repository the
// environment says what it is: DARKSHARE_VERSION, and SOURCE_DATE_EPOCH
// (https://reproducible-builds.org/specs/source-date-epoch/).
func newRelease(ctx context.Context, root string) (*release, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	r := &release{root: root, version: os.Getenv("DARKSHARE_VERSION"), date: time.Unix(0, 0).UTC()}
	git := func(args ...string) string {
		// The error is that there is no repository, or no such tag.
		out, _ := command(ctx, root, nil, "git", args...)
		return strings.TrimSpace(out)
	}
	r.commit = git("rev-parse", "HEAD")
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		seconds = git("log", "-1", "--format=%ct")
	}
	if seconds != "" {
		var unix int64
		if _, err := fmt.Sscanf(seconds, "%d", &unix); err != nil {
			return nil, fmt.Errorf("SOURCE_DATE_EPOCH %q: %w", seconds, err)
		}
		r.date = time.Unix(unix, 0).UTC()
	}
	if r.version == "" {
		described := git("describe", "--tags", "--long", "--dirty", "--match", "v[0-9]*")
		if described == "" && r.commit != "" {
			described = "v0.0.0-" + git("rev-list", "--count", "HEAD") + "-g" + git("describe", "--always", "--dirty", "--exclude", "*")
		}
		if r.version, err = semantic(described); err != nil {
			return nil, err
		}
	}
	return r, nil
}

var describe = regexp.MustCompile(`^v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+?)?)-(\d+)-g([0-9a-f]+)(-dirty)?$`)

// semantic returns the version that `git describe --long --dirty` says: that of the tag,
// with the commits since then after a plus. By a hyphen, as git has it, they would
// make it older than the tag.
func semantic(described string) (string, error) {
	m := describe.FindStringSubmatch(described)
	if m == nil {
		return "", fmt.Errorf("no version: %q is not a tag such as v1.2.3 and the commits since; set DARKSHARE_VERSION", described)
	}
	version, since, commit, dirty := m[1], m[2], m[3], m[4]
	if since != "0" || dirty != "" {
		version += "+" + since + ".g" + commit
	}
	return version + strings.Replace(dirty, "-", ".", 1), nil
}

// command runs a program in a directory and returns its standard output. The error has
// its standard error.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, errs.Bytes())
	}
	return string(out), err
}

// copyFile copies a file, and makes the directories that it lacks.
func copyFile(to, from string, mode fs.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, mode))
}
