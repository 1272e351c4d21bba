package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A workflow is what of a GitHub workflow is held against the repository.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Timeout int `yaml:"timeout-minutes"`
		Steps   []struct{ Uses, Run string }
	}
}

var (
	pinned = regexp.MustCompile(`^[a-z-]+/[a-z-]+@[0-9a-f]{40}$`)
	mage   = regexp.MustCompile(`go tool mage (\w+)`)
)

// TestWorkflows: what runs on GitHub can be run here, each action is pinned to a commit,
// no job may do more than read unless it says so, and none runs forever.
func TestWorkflows(t *testing.T) {
	targets := mageTargets(t)
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var w workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s: permissions are %v", file, w.Permissions)
		}
		for name, job := range w.Jobs {
			if job.Timeout == 0 {
				t.Errorf("%s: %s has no timeout-minutes", file, name)
			}
			for _, step := range job.Steps {
				if step.Uses != "" && !pinned.MatchString(step.Uses) {
					t.Errorf("%s: %s: %s is not pinned to a commit", file, name, step.Uses)
				}
				for _, m := range mage.FindAllStringSubmatch(step.Run, -1) {
					if !targets[strings.ToLower(m[1])] {
						t.Errorf("%s: %s: go tool mage %s: no such target", file, name, m[1])
					}
				}
			}
		}
	}
}

// mageTargets returns the Magefile's targets in lower case, as mage takes them.
func mageTargets(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "Magefile.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() {
			targets[strings.ToLower(f.Name.Name)] = true
		}
	}
	return targets
}
