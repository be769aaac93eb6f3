using AuthMesh.Access;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Operator;

/// <summary>Gives a lost admin account back, or makes one, with a new password that is printed once.</summary>
internal static class RecoverAdmin
{
    public const string CommandName = "recover-admin";

    public static async Task<string> RunAsync(IServiceProvider services, string[] values, CancellationToken cancellationToken)
    {
        var username = Username.TryParse(values[0]) ?? throw new StartRefusedException("The name " + Username.Rule + ".");
        var db = services.GetRequiredService<IdentityDb>();
        var password = FirstAdmin.GeneratePassword();
        var hash = services.GetRequiredService<PasswordHashing>().Hash(password);

        var user = await db.Users.FirstOrDefaultAsync(user => user.NormalizedUsername == username.Normalized, cancellationToken);
        if (user is null)
        {
            if (Username.FindFault(values[0]) is { } fault)
            {
                throw new StartRefusedException($"There is no admin {username.Value}, and the name of a new one {fault}.");
            }

            db.Users.Add(User.Create(username, hash, services.GetRequiredService<TimeProvider>().GetUtcNow(), Roles.Admin));
        }
        else if (user.Role == Roles.Admin)
        {
            user.Recover(hash);
        }
        else
        {
            throw new StartRefusedException(
                $"{user.Username} is an ordinary user, who is not promoted this way. Name an admin, or a name that is free.");
        }

        await db.SaveChangesAsync(cancellationToken);
        return $"The password of admin {username.Value} is now {password}";
    }
}
