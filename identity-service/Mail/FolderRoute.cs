using System.Globalization;
using MimeKit;

namespace AuthMesh.Identity.Mail;

/// <summary>Writes each mail into a file of <see cref="MailOptions.PickupFolder"/> instead of sending it.</summary>
internal sealed class FolderRoute(string folder) : IMailRoute, IMailConversation
{
    private const UnixFileMode ForOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public string Name => folder;

    public bool IsOpen => true;

    public Task<IMailConversation> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder);
            }
            else
            {
                Directory.CreateDirectory(folder, ForOwner | UnixFileMode.UserExecute);
            }

            return Task.FromResult<IMailConversation>(this);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MailRouteException(exception.Message, exception);
        }
    }

    /// <summary>The name of the file begins with the time, so that the newest mail stands last. A mail that is sent again replaces itself.</summary>
    public async Task<string?> SendAsync(MimeMessage message, CancellationToken cancellationToken)
    {
        var time = message.Date.ToString("yyyyMMdd'T'HHmmss'.'fff", CultureInfo.InvariantCulture);
        var file = Path.Combine(folder, $"{time}-{message.MessageId!.Split('@')[0]}.eml");
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = ForOwner; // the link opens an account
            }

            await using (var stream = new FileStream(file + ".unfinished", options))
            {
                await message.WriteToAsync(stream, cancellationToken);
            }

            File.Move(file + ".unfinished", file, overwrite: true);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MailRouteException(exception.Message, exception);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
