using System.CommandLine;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Guarded;

internal sealed record ProtectedAnswer(string Role);

internal static class Protected
{
    public static Command Define()
    {
        var command = new Command("protected", "Show what every signed-in user may see");
        Invocation.On(command, (invocation, _, cancellation) => SignedInRequest.ShowAsync(invocation, "/protected", cancellation));
        return command;
    }
}
