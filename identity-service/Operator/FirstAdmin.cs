using System.Security.Cryptography;
using AuthMesh.Access;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Operator;

/// <summary>The section <c>Identity:FirstAdmin</c>: who may administer a mesh in which nobody may yet.</summary>
public sealed class FirstAdminOptions
{
    public string Username { get; set; } = "admin";

    /// <summary>A file with the password. Without it one is generated.</summary>
    public string PasswordFile { get; set; } = "";

    /// <summary>
    /// Where a generated password goes, readable by the service's own user alone; below the working directory unless absolute.
    /// </summary>
    public string GeneratedPasswordFile { get; set; } = "first-admin-password";

    internal void Check(SettingProblems problems, PasswordRules rules)
    {
        var usernameFault = Users.Username.FindFault(Username);
        problems.Unless(usernameFault is null, "FirstAdmin:Username", usernameFault + ".");
        if (PasswordFile.Length > 0 && Secret.TryRead("", PasswordFile, "FirstAdmin:Password", problems) is { } password)
        {
            var fault = rules.FindFault(password, Username.Trim());
            problems.Unless(fault is null, "FirstAdmin:PasswordFile", $"names a file whose password {fault}.");
        }
    }
}

internal sealed partial class FirstAdmin(
    IdentityDb db, PasswordHashing passwords, IOptions<FirstAdminOptions> options, TimeProvider clock, ILogger<FirstAdmin> logger)
{
    private const int GeneratedLength = 24; // of 62 characters: 142 bits

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (await db.Users.AnyAsync(user => user.Role == Roles.Admin, cancellationToken))
        {
            return;
        }

        var settings = options.Value;
        var username = Username.TryParse(settings.Username)!;
        if (await db.Users.AnyAsync(user => user.NormalizedUsername == username.Normalized, cancellationToken))
        {
            throw new StartRefusedException(
                $"There is no admin yet, and the name {username.Value} already belongs to an ordinary user, who is not promoted by a "
                + "setting. "
                + "Set Identity:FirstAdmin:Username to another name.");
        }

        var isGenerated = settings.PasswordFile.Length == 0;
        var password = isGenerated ? GeneratePassword() : Secret.Read("", settings.PasswordFile);
        if (isGenerated)
        {
            KeepForOwner(settings.GeneratedPasswordFile, password); // before the row: a row whose password nobody knows helps nobody
        }

        db.Users.Add(User.Create(username, passwords.Hash(password), clock.GetUtcNow(), Roles.Admin));
        await db.SaveChangesAsync(cancellationToken);
        LogCreated(username.Value, Path.GetFullPath(isGenerated ? settings.GeneratedPasswordFile : settings.PasswordFile));
    }

    public static string GeneratePassword() =>
        RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", GeneratedLength);

    private static void KeepForOwner(string path, string password)
    {
        try
        {
            File.Delete(path); // one left behind may be readable by others, or a link to somewhere else
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using var writer = new StreamWriter(path, options);
            writer.WriteLine(password);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException(
                $"There is no admin yet, and a generated password cannot be kept: {exception.Message} Set Identity:FirstAdmin:PasswordFile "
                + "to "
                + "a file with a password, or Identity:FirstAdmin:GeneratedPasswordFile to a place that can be written.");
        }
    }

    [LoggerMessage(LogLevel.Warning, "Created the first admin {Username}; the password is in {File}")]
    private partial void LogCreated(string username, string file);
}
