// caller-identity-go prints who AWS says we are, as `aws sts get-caller-identity` does, with the AWS SDK for Go v2; with
// --every and --for it asks again and again with one client and prints how often that failed.
//
// It knows nothing of gtoken: a pod's environment alone has to be enough, as for any program with the AWS SDK.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// The three fields in the order and spelling of the AWS command line.
type callerIdentity struct {
	UserId  *string
	Account *string
	Arn     *string
}

// How it went, when it was asked for long.
type summary struct {
	Calls       int `json:"calls"`
	Failures    int `json:"failures"`
	Credentials int `json:"credentials"`
}

// Asks and prints; 1 when AWS does not say who we are, be it once only, and 2 when it was called in a wrong way.
func main() {
	arguments, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v; %s\n", err, usage)
		os.Exit(2)
	}
	if err := run(context.Background(), arguments); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments arguments) error {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("could not load the SDK's settings: %w", err)
	}
	client := sts.NewFromConfig(settings)
	if arguments.every == 0 {
		return once(ctx, client)
	}
	return steadily(ctx, client, settings.Credentials, arguments)
}

func once(ctx context.Context, client *sts.Client) error {
	identity, err := ask(ctx, client)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(identity, "", "  ")
	fmt.Println(string(text))
	return err
}

func steadily(ctx context.Context, client *sts.Client, held aws.CredentialsProvider, arguments arguments) error {
	var summary summary
	seen := map[string]bool{}
	ticks := time.NewTicker(arguments.every)
	defer ticks.Stop()
	for end := time.Now().Add(arguments.length); time.Now().Before(end); <-ticks.C {
		summary.Calls++
		if _, err := ask(ctx, client); err != nil {
			summary.Failures++
			fmt.Fprintf(os.Stderr, "call %d: %v\n", summary.Calls, err)
		} else if credentials, err := held.Retrieve(ctx); err == nil {
			// The client signs with what this very cache holds.
			seen[credentials.AccessKeyID] = true
		}
	}
	summary.Credentials = len(seen)
	text, err := json.Marshal(summary)
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	if summary.Failures > 0 {
		return fmt.Errorf("%d of %d calls failed", summary.Failures, summary.Calls)
	}
	return nil
}

func ask(ctx context.Context, client *sts.Client) (callerIdentity, error) {
	answer, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return callerIdentity{}, fmt.Errorf("could not get the caller identity: %w", err)
	}
	return callerIdentity{answer.UserId, answer.Account, answer.Arn}, nil
}
