using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Accounts;

internal sealed record EmailChange(string Email);

internal sealed record EmailProof(string Token);

/// <summary>Shows and changes the account's address.</summary>
internal static class Email
{
    private static readonly Argument<string> Address = new("address") { Description = "The address; the server mails a link to it" };

    private static readonly Argument<string> Link = new("token") { Description = "The token of the mail's link, or the whole link" };

    public static Command Define()
    {
        var set = new Command("set", "Ask for an address; open the link in the mail to confirm it") { Address };
        Invocation.On(set, (invocation, parsed, cancellation) => SendAsync(
            invocation,
            new Request(HttpMethod.Post, "/account/email")
                .With(new EmailChange(parsed.GetRequiredValue(Address)), ClientJson.Default.EmailChange),
            cancellation));

        var remove = new Command("remove", "Remove the address; a forgotten password can then not be reset by mail");
        Invocation.On(remove, (invocation, _, cancellation) => SendAsync(invocation, Request.Delete("/account/email"), cancellation));

        var verify = new Command("verify", "Confirm the address with the link of the mail") { Link };
        Invocation.On(verify, (invocation, parsed, cancellation) => SendAsync(
            invocation,
            new Request(HttpMethod.Post, "/email/verify")
                .With(new EmailProof(MailedToken.In(parsed.GetRequiredValue(Link))), ClientJson.Default.EmailProof),
            cancellation));

        var command = new Command("email", "Show your address") { set, remove, verify };
        Invocation.On(command, ShowAsync);
        return command;
    }

    private static async Task<int> SendAsync(Invocation invocation, Request request, CancellationToken cancellation)
    {
        invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, request, cancellation));
        return ExitCode.Ok;
    }

    private static async Task<int> ShowAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var answer = await SignedInRequest.SendAsync(invocation, Request.Get("/account"), cancellation);
        var account = answer.Read(ClientJson.Default.AccountAnswer);
        if (invocation.Output.IsJson)
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        invocation.Output.Line(account.Email ?? "no address");
        if (account.RequestedEmail is { } requested)
        {
            invocation.Output.Line($"{requested}   (to be confirmed by the link in the mail)");
        }

        return ExitCode.Ok;
    }
}

internal static class MailedToken
{
    private const string Parameter = "token=";

    /// <returns>The token of a link, or the text itself, which the server judges.</returns>
    public static string In(string text)
    {
        var token = text.Trim();
        var at = token.IndexOf(Parameter, StringComparison.Ordinal);
        return at < 0 ? token : token[(at + Parameter.Length)..];
    }
}
