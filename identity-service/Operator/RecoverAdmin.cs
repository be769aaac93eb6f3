using System.CommandLine;
using AuthMesh.Access;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Users;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Operator;

/// <summary>Gives an admin a new password and no second factor, or creates an admin, and prints the password once.</summary>
internal static class RecoverAdmin
{
    private static readonly Argument<string> Name = new("NAME") { Description = "The admin's username, or a free name for a new admin" };

    public static OperatorCommand Define() =>
        new("recover-admin", "Gives an admin a new password, prints it, and removes the admin's second factor", RunAsync) { Name };

    private static async Task<string> RunAsync(IServiceProvider services, ParseResult parsed, CancellationToken cancellationToken)
    {
        var username = Username.TryParse(parsed.GetRequiredValue(Name))
            ?? throw new StartRefusedException("The name " + Username.Rule + ".");
        var db = services.GetRequiredService<IdentityDb>();
        var password = FirstAdmin.GeneratePassword();
        var hash = services.GetRequiredService<PasswordHashing>().Hash(password);

        // Locked, because a change of the password at this moment raises the epoch too, and would hide this one.
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var user = (await db.Users
            .FromSql($"SELECT * FROM users WHERE normalized_username = {username.Normalized} FOR NO KEY UPDATE")
            .ToListAsync(cancellationToken)).SingleOrDefault();
        var isNew = user is null;
        if (user is null)
        {
            if (Username.FindFault(parsed.GetRequiredValue(Name)) is { } fault)
            {
                throw new StartRefusedException($"No admin {username.Value} exists, and the name of a new one {fault}.");
            }

            user = User.Create(username, hash, services.GetRequiredService<TimeProvider>().GetUtcNow(), Roles.Admin);
            db.Users.Add(user);
        }
        else if (user.Role == Roles.Admin)
        {
            user.Recover(hash);
        }
        else
        {
            throw new StartRefusedException(
                $"{user.Username} is an ordinary user, and this command promotes nobody. Give the name of an admin, or a free name.");
        }

        // The operator knows the owner by other means, so a lost second factor goes too.
        await db.SaveChangesAsync(cancellationToken);
        if (!isNew)
        {
            await services.GetRequiredService<RemoveSecondFactor>().RunAsync(user.Id, cancellationToken);
            // A passkey that an intruder added would still sign in. By SQL: this folder does not use the folder Passkeys.
            var passkeys = await db.Database.ExecuteSqlAsync($"DELETE FROM passkeys WHERE user_id = {user.Id}", cancellationToken);
            var outbox = services.GetRequiredService<Outbox>();
            await outbox.NotifyAsync(user.Id, MailKind.PasswordChanged, new Dictionary<string, string>(), cancellationToken);
            if (passkeys > 0)
            {
                await outbox.NotifyAsync(
                    user.Id, MailKind.SignInMethodRemoved, new Dictionary<string, string> { ["method"] = "passkey" }, cancellationToken);
            }
        }

        await transaction.CommitAsync(cancellationToken);
        services.GetRequiredService<SecurityEvents>().Write(SecurityEvent.AdminRecovered(user.Id), context: null);
        return $"The password of admin {username.Value} is now {password}";
    }
}
