using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Users;

internal sealed record UserInvitation(string Username, string? Role = null, string? Email = null);

internal static class InviteUser
{
    private static readonly Argument<string> Name = new("name") { Description = "The new user's name" };

    private static readonly Option<string?> Email = new("--email")
    {
        Description = "Mail the invitation to ADDRESS; without it, the link is printed once",
        HelpName = "ADDRESS",
    };

    private static readonly Option<string?> Role = new("--role") { Description = "admin or user [default: user]", HelpName = "ROLE" };

    public static Command Define()
    {
        var command = new Command("invite", "Create a user, who sets the password with a link") { Name, Email, Role };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var invitation = new UserInvitation(parsed.GetRequiredValue(Name), parsed.GetValue(Role), parsed.GetValue(Email));
        var request = new Request(HttpMethod.Post, "/users").With(invitation, ClientJson.Default.UserInvitation);
        HandedLink.Show(invocation, await SignedInRequest.SendAsync(invocation, request, cancellation));
        return ExitCode.Ok;
    }
}
