using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace AuthMesh.Settings;

/// <summary>The service cannot start, and waiting would not help. The message says why and what to do.</summary>
public sealed class StartRefusedException(string message) : Exception(message);

/// <summary>Refuses a start with a readable list of everything that is wrong, instead of a stack trace of the first problem.</summary>
public static class StartRefusal
{
    /// <summary>
    /// Checks an options class at startup, together with all others. The caller binds it to its section, because the binding generator
    /// needs the concrete class.
    /// </summary>
    public static OptionsBuilder<TOptions> AddSettings<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TOptions,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TValidator>(
        this IServiceCollection services, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TOptions>, TValidator>());
        services.AddSingleton(new CheckedSettings(section, provider => _ = provider.GetRequiredService<IOptions<TOptions>>().Value));
        return services.AddOptions<TOptions>().ValidateOnStart();
    }

    /// <summary>
    /// Runs the service. If the start is refused, it writes each problem on its own line to standard error and returns exit code 1.
    /// </summary>
    /// <param name="app">The service.</param>
    /// <param name="map">Maps endpoints that are themselves read from settings, so that bad ones are refused as well.</param>
    public static async Task<int> RunOrRefuseAsync(this WebApplication app, Action<WebApplication>? map = null)
    {
        var name = app.Environment.ApplicationName;
        var problems = FindProblems(app.Services);
        Telemetry.Begin(app.Services);
        try
        {
            map?.Invoke(app);
        }
        catch (OptionsValidationException)
        {
            // The endpoints depend on a bad setting that FindProblems has found already.
        }
        catch (Exception exception) when (exception is InvalidOperationException or AggregateException)
        {
            problems.AddRange(Causes(exception));
        }

        if (problems.Count > 0)
        {
            return Refuse(name, problems);
        }

        var refusal = app.Services.GetRequiredService<PendingRefusal>();
        try
        {
            await app.RunAsync();
        }
        catch (IOException exception) // the address is in use, or not this machine's
        {
            return Refuse(name, [exception.Message]);
        }
        catch (InvalidOperationException exception)
            when (exception.Message.Contains("UseKestrelHttpsConfiguration", StringComparison.Ordinal))
        {
            return Refuse(name, ["An address in ASPNETCORE_URLS is https. Set AuthMesh:Tls:CertificateFile and AuthMesh:Tls:KeyFile."]);
        }

        return refusal.Message is { } message ? Refuse(name, [message]) : 0;
    }

    /// <summary>Runs a command instead of the service, in a scope of its own, after the same check of all settings.</summary>
    /// <param name="app">The service.</param>
    /// <param name="command">The command's work.</param>
    /// <param name="section">The only section that the command needs; null for all.</param>
    public static async Task<int> RunCommandAsync(
        this WebApplication app, Func<IServiceProvider, CancellationToken, Task> command, string? section = null)
    {
        if (FindProblems(app.Services, section) is { Count: > 0 } problems)
        {
            return Refuse(app.Environment.ApplicationName, problems);
        }

        try
        {
            await using var scope = app.Services.CreateAsyncScope();
            await command(scope.ServiceProvider, CancellationToken.None);
            return 0;
        }
        catch (Exception exception) // the operator is at the terminal: a sentence helps more than a stack trace
        {
            return Refuse(app.Environment.ApplicationName, [exception.GetBaseException().Message]);
        }
    }

    private static List<string> FindProblems(IServiceProvider services, string? section = null)
    {
        var problems = new List<string>();
        foreach (var settings in services.GetServices<CheckedSettings>().Where(settings => section is null || settings.Section == section))
        {
            try
            {
                settings.Read(services);
            }
            catch (OptionsValidationException exception)
            {
                problems.AddRange(exception.Failures);
            }
            catch (InvalidOperationException exception)
            {
                problems.Add(DescribeBinding(settings.Section, exception.Message));
            }
        }

        return problems;
    }

    // For a value of the wrong type, the binder names the full key. For a key that does not exist, it names our class, so the text is
    // replaced.
    private static string DescribeBinding(string section, string message)
    {
        const string Unknown = "were not found on the instance of ";
        return message.Contains(Unknown, StringComparison.Ordinal)
            ? $"{section} has no setting "
                + $"{message[(message.LastIndexOf(": ", StringComparison.Ordinal) + 2)..].Replace("'", "", StringComparison.Ordinal)}."
            : message;
    }

    private static IEnumerable<string> Causes(Exception exception) => exception switch
    {
        AggregateException many => many.InnerExceptions.SelectMany(Causes),
        { InnerException: { } cause } => Causes(cause),
        _ => [exception.Message],
    };

    internal static int Refuse(string name, List<string> problems)
    {
        Console.Error.WriteLine($"{name} does not start:");
        foreach (var problem in problems)
        {
            Console.Error.WriteLine($"  - {problem}");
        }

        return 1;
    }
}

/// <summary>One section that is read, and thereby checked, before anything else starts.</summary>
internal sealed record CheckedSettings(string Section, Action<IServiceProvider> Read);

/// <summary>
/// Lets work that runs after the start (such as opening the key ring) end the service with a message instead of a stack trace.
/// </summary>
public sealed class PendingRefusal(IHostApplicationLifetime lifetime)
{
    /// <summary>Why the service stops, or null while it has no reason to.</summary>
    public string? Message { get; private set; }

    /// <summary>Stops the service. <see cref="StartRefusal.RunOrRefuseAsync"/> then writes the reason and returns 1.</summary>
    public void Refuse(StartRefusedException reason)
    {
        Message = reason.Message;
        lifetime.StopApplication();
    }
}
