// Answers, for each case on standard input, what BuildKit's own packages make of it: the other half of dockerignore.rs.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type question struct {
	Rules string
	Paths []string
}

func main() {
	in := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	for {
		var q question
		if in.Decode(&q) != nil {
			return
		}
		out.WriteString(answer(q))
		out.WriteByte('\n')
	}
}

func answer(q question) string {
	patterns, err := ignorefile.ReadAll(bytes.NewBufferString(q.Rules))
	if err != nil {
		return "E"
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return "E"
	}
	// The original compiles a pattern when it is first asked; todo says what is wrong at once.
	for _, pattern := range matcher.Patterns() {
		asked, err := patternmatcher.New([]string{"**", "!" + pattern.String()})
		if err != nil {
			continue // only our "!" made it one that is refused: "!/" is cleaned to "!"
		}
		if _, err := asked.MatchesOrParentMatches("x"); err != nil {
			return "E"
		}
	}
	verdicts := make([]byte, len(q.Paths))
	for i, path := range q.Paths {
		var info patternmatcher.MatchInfo
		ignored := false
		for end := 0; end < len(path); {
			next := strings.IndexByte(path[end:], '/')
			if next < 0 {
				next = len(path)
			} else {
				next += end
			}
			if ignored, info, err = matcher.MatchesUsingParentResults(path[:next], info); err != nil {
				return "E"
			}
			end = next + 1
		}
		verdicts[i] = '0'
		if ignored {
			verdicts[i] = '1'
		}
	}
	return string(verdicts)
}
