using AuthMesh.Access;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Operator;

/// <summary>Whether <c>Identity:DemoUsers</c> is set.</summary>
public sealed class DemoUserOptions
{
    public bool AreWanted { get; set; }
}

/// <summary>The users of the quick start. Their passwords are public, so they may exist only in Development.</summary>
internal sealed partial class DemoUsers(
    IdentityDb db, PasswordHashing passwords, IOptions<DemoUserOptions> options, IHostEnvironment environment, TimeProvider clock,
    ILogger<DemoUsers> logger)
{
    private const string RemoveCommand = "remove-demo-users";

    private static readonly (string Name, string Password, string Role)[] All =
    [
        ("alice", "password123", Roles.User),
        ("bob", "qwerty456", Roles.User),
        ("admin", "admin123", Roles.Admin),
    ];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (options.Value.AreWanted)
        {
            await CreateAsync(cancellationToken);
        }
        else if (!environment.IsDevelopment() && await db.Users.AnyAsync(user => user.IsDemo, cancellationToken))
        {
            throw new StartRefusedException(
                "The database holds demo users with publicly known passwords, and this is not Development. Remove them first: "
                + $"dotnet identity-service.dll {RemoveCommand}");
        }
    }

    public static OperatorCommand Define() => new(RemoveCommand, "Deletes the demo users", async (services, _, cancellationToken) =>
    {
        // The trigger user_deleted notifies every verifier.
        var users = services.GetRequiredService<IdentityDb>().Users;
        var removed = await users.Where(user => user.IsDemo).ExecuteDeleteAsync(cancellationToken);
        return $"Removed {removed} demo users.";
    });

    // An existing user of that name keeps its password and role.
    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        var taken = await db.Users
            .Where(user => All.Select(demo => demo.Name).Contains(user.NormalizedUsername))
            .Select(user => user.NormalizedUsername)
            .ToListAsync(cancellationToken);
        db.Users.AddRange(All.Where(demo => !taken.Contains(demo.Name)).AsParallel().Select(demo => User.Create(
            Username.TryParse(demo.Name)!, passwords.Hash(demo.Password), clock.GetUtcNow(), demo.Role, isDemo: true)));
        await db.SaveChangesAsync(cancellationToken);
        LogDemoUsers();
    }

    [LoggerMessage(LogLevel.Warning, "Demo users alice, bob and admin exist with publicly known passwords. Never expose this mesh")]
    private partial void LogDemoUsers();
}
