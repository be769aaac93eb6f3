using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Users;

/// <summary>All pages as one document, for a program.</summary>
internal sealed record UsersDocument(string Status, string Message, IReadOnlyList<JsonElement> Users);

internal static class ListUsers
{
    private static readonly Option<string?> Search = new(
        "--search")
    { Description = "Only users whose names begin with TEXT", HelpName = "TEXT" };

    private static readonly Option<int?> Limit = new(
        "--limit")
    { Description = "Users per page: 1 to 200 [default: the server's, 50]", HelpName = "N" };

    private static readonly Option<string?> After = new(
        "--after")
    { Description = "Continue after a page, with its \"next\"", HelpName = "NEXT" };

    private static readonly Option<bool> All = new("--all") { Description = "Fetch all pages", Arity = ArgumentArity.Zero };

    public static Command Define()
    {
        var list = new Command("list", "List the users by name") { Search, Limit, After, All };
        var users = new Command("users", "List and change users; for admins")
        {
            Search, Limit, After, All,
            list, ShowUser.Define(), InviteUser.Define(), ChangeUser.DefineRole(), ChangeUser.DefineDisable(),
            ChangeUser.DefineEnable(), ResetUserPassword.Define(), RemoveFromUser.DefineRemoveSecondFactor(),
            RemoveFromUser.DefineSignOut(), DeleteUser.Define(),
        };
        Invocation.On(list, RunAsync);
        Invocation.On(users, RunAsync);
        return users;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var isAll = parsed.GetValue(All);
        var next = parsed.GetValue(After);
        List<Answer> pages = [];
        List<ListedUser> users = [];
        do
        {
            var answer = await SignedInRequest.SendAsync(invocation, Request.Get(PathFor(parsed, next)), cancellation);
            var page = answer.Read(ClientJson.Default.UsersAnswer);
            if (page.Next is not null && (page.Users.Count == 0 || page.Next == next))
            {
                throw CommandFailure.Unexpected("The server's pages do not end", Answer.WrongServerHint);
            }

            pages.Add(answer);
            users.AddRange(page.Users.OfType<ListedUser>());
            next = page.Next;
        }
        while (isAll && next is not null);

        if (!invocation.Output.IsJson)
        {
            Table.Write(invocation.Output, ["name", "role", "state", "sessions", "last used", "created", "id"], users.Select(Row));
            if (next is not null)
            {
                invocation.Output.Note($"More users follow: --all shows them, or --after {next}");
            }
        }
        else if (isAll)
        {
            var all = pages.SelectMany(page => page.Body!.Value.GetProperty("users").EnumerateArray()).ToList();
            invocation.Output.Document(new UsersDocument("success", $"{all.Count} users", all), ClientJson.Default.UsersDocument);
        }
        else
        {
            invocation.Output.Answer(pages[0]);
        }

        return ExitCode.Ok;
    }

    private static string PathFor(ParseResult parsed, string? after)
    {
        var parameters = new (string Name, string? Value)[]
        {
            ("search", parsed.GetValue(Search)), ("limit", parsed.GetValue(Limit)?.ToString(CultureInfo.InvariantCulture)),
                ("after", after),
        };
        return "/users?" + string.Join('&', parameters.Where(parameter => parameter.Value is not null)
            .Select(parameter => $"{parameter.Name}={Uri.EscapeDataString(parameter.Value!)}"));
    }

    private static string[] Row(ListedUser user) =>
    [
        user.Username,
        user.Role,
        (user.Disabled ? "disabled" : "active") + (user.Demo ? ", demo" : ""),
        user.Sessions.ToString(CultureInfo.InvariantCulture),
        user.LastUsedAt is { } lastUsed ? ShownTime.Minute(lastUsed) : "-",
        ShownTime.Minute(user.CreatedAt),
        user.Id,
    ];
}
