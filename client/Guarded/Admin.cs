using System.CommandLine;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Guarded;

internal static class Admin
{
    public static Command Define()
    {
        var command = new Command("admin", "Show what only admins may see");
        Invocation.On(command, (invocation, _, cancellation) => SignedInRequest.ShowAsync(invocation, "/admin", cancellation));
        return command;
    }
}
