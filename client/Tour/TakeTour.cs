using System.CommandLine;
using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Tour;

internal static class TakeTour
{
    // The demo admin that a mesh in Development creates. The password is preset and public, and no other environment accepts it.
    private static readonly Credentials DemoAdmin = new("admin", "admin123");

    private static readonly Option<string?> AdminName = new("--admin-name")
    {
        Description = "The admin, if the demo users do not exist; needs --admin-password-file",
        HelpName = "NAME",
    };

    private static readonly Option<string?> AdminPasswordFile = new("--admin-password-file")
    {
        Description = "The file whose first line is that admin's password",
        HelpName = "FILE",
    };

    public static Command Define()
    {
        var command = new Command("tour", "Walk through what the mesh grants and refuses to a new user and to an admin")
        {
            AdminName,
            AdminPasswordFile,
        };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var admin = await ReadAdminAsync(invocation, parsed, cancellation);
        await Readiness.WaitAsync(invocation, cancellation);

        using var walk = new Walk(invocation.Connection);
        var report = new Report(invocation.Output, invocation.Server);
        report.Open();
        foreach (var step in Itinerary.For(admin))
        {
            report.Add(await walk.TakeAsync(step, cancellation));
        }

        return report.Close();
    }

    private static async Task<Credentials> ReadAdminAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var name = parsed.GetValue(AdminName);
        if (parsed.GetValue(AdminPasswordFile) is not { } file)
        {
            return name is null
                ? DemoAdmin
                : throw CommandFailure.Usage("--admin-name needs --admin-password-file", "put that admin's password into a file");
        }

        invocation.WarnIfOthersCanListen(); // not for the demo admin, whose password is public
        try
        {
            await using var input = File.OpenRead(file);
            return new Credentials(name ?? DemoAdmin.Username, await PasswordLines.ReadOneAsync(input, file, cancellation));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage($"{file} cannot be read: {exception.Message}", "name the file that holds the admin's password");
        }
    }
}
