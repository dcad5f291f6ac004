package main

import (
	"errors"
	"flag"
	"io"
	"time"
)

const usage = "usage: caller-identity-go [--every DURATION --for DURATION], with durations as in 1s or 5m"

// What to do: ask once, or, if every is not zero, again and again.
type arguments struct {
	every, length time.Duration
}

// Reads the arguments that follow the program's name.
func parse(given []string) (arguments, error) {
	var parsed arguments
	flags := flag.NewFlagSet("caller-identity-go", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&parsed.every, "every", 0, "")
	flags.DurationVar(&parsed.length, "for", 0, "")
	if err := flags.Parse(given); err != nil {
		return arguments{}, err
	}
	if flags.NArg() > 0 {
		return arguments{}, errors.New("there are no arguments but flags")
	}
	if parsed.every < 0 || parsed.length < 0 {
		return arguments{}, errors.New("a duration is not negative")
	}
	if (parsed.every == 0) != (parsed.length == 0) {
		return arguments{}, errors.New("--every and --for go together")
	}
	return parsed, nil
}
